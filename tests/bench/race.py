"""A race: several programs take turns at the same work, because on a shared machine only turns compare fairly."""
import os
import statistics
import subprocess
import sys


def run(program, words, threads=0):
    """The output of a program; `threads` 0 leaves their number to it."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)} if threads else None
    done = subprocess.run([program, *words], capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        sys.exit(f"race: {program} {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def race(racers, threads, turns, shown):
    """racers maps names to functions from a number of threads to seconds; names that begin with "headlight" are ours.
    Each racer takes `turns` turns with each number of threads. Prints the medians of the turns as shown(seconds), and
    the ratio of the best of the others to our best."""
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
