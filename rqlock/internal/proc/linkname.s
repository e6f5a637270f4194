// Without an assembly file the compiler would refuse functions without a body,
// and procPin and procUnpin are the runtime's.
