"""Races programs: they take turns at the same work, because only this comparison is fair on a shared machine."""
import os
import statistics
import subprocess
import sys


def run(program, words, threads=0):
    """Returns the output of a program; with `threads` 0, the program chooses the number of threads."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)} if threads else None
    done = subprocess.run([program, *words], capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        sys.exit(f"race: {program} {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def race(racers, threads, turns, shown):
    """`racers` maps a name to a function from a number of threads to seconds. Headlight's names begin with "headlight".
    Each racer takes `turns` turns with each number of threads. Prints the medians of the turns as shown(seconds), and
    the smallest median of the other programs divided by Headlight's smallest. Returns this ratio."""
    times = {}
    for turn in range(turns):
        order = list(racers.items())
        for count in threads:
            for name, measure in order if turn % 2 == 0 else order[::-1]:
                times.setdefault((name, count), []).append(measure(count))
    medians = {key: statistics.median(seconds) for key, seconds in times.items()}
    for (name, count), seconds in sorted(medians.items()):
        spread = f"{shown(min(times[name, count]))} to {shown(max(times[name, count]))}"
        print(f"  {name:22} {count} thread{'s' if count > 1 else ' '} {shown(seconds):>12}   turns {spread}", flush=True)
    ours = min((seconds, key) for key, seconds in medians.items() if key[0].startswith("headlight"))
    theirs = min((seconds, key) for key, seconds in medians.items() if not key[0].startswith("headlight"))
    print(f"  ratio {theirs[0] / ours[0]:.2f}   (best: {ours[1][0]} with {ours[1][1]}, {theirs[1][0]} with {theirs[1][1]} "
          "threads)", flush=True)
    return theirs[0] / ours[0]


def numbers(text):
    return [int(word) for word in text.split(",")]


def milliseconds(seconds):
    return f"{seconds * 1e3:.2f} ms"
