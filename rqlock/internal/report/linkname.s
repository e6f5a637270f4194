// The compiler refuses functions without a body, such as currentLabels, in a package without
// an assembly file.
