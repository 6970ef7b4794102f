"""The operating system: files, locks, signals, mounts, paths, threads. All differences are here."""
