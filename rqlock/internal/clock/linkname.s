// The compiler refuses functions without a body, such as Pin and Unpin, in a package
// without an assembly file.
