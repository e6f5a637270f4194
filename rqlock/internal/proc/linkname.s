// Without an assembly file the compiler would refuse functions without a body,
// and Pin and Unpin are the runtime's.
