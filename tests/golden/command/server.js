// The server stands for any; the golden tests only name it.
