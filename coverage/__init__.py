"""The answers: propagation, signal, service, people, settlements, fibre, runs."""

if __name__ == "coverage":
    # The folder shares its name with coverage.py, which numba and pytest look for; this says "not here".
    raise ImportError("this folder is phusong.coverage, not coverage.py")
