"""Compare CUDA with the CPU: what they give, and how fast.

Run ``python benchmarks/cuda.py`` on a machine with a CUDA device and ``sunpy_enhance[cuda]``. Each shipped network
runs on both, interleaved, on synthetic cutouts; printed are the largest difference and the median times.
"""

import time

import numpy as np

import sunpy.map

from sunpy_enhance import available_models, enhance_map
from sunpy_enhance.demo import cutout_header, demo_truth

_REPEATS = 5


def main():
    """Print the table."""
    print("| network | pixels | largest difference | CPU | CUDA |\n|---|---|---|---|---|")
    truth = demo_truth()
    for name, card in available_models().items():
        for copies in (1, 5):
            image = np.tile(truth[card.observable][0], (copies, copies))
            smap = sunpy.map.Map(image, cutout_header(card.observable, image.shape, (0.0, 0.0)))
            seconds, results = {"cpu": [], "cuda": []}, {}
            # The first round pays for the sessions and is not counted.
            for repeat in range(_REPEATS + 1):
                for device, times in seconds.items():
                    start = time.perf_counter()
                    results[device] = enhance_map(smap, model=name, device=device).data
                    if repeat:
                        times.append(time.perf_counter() - start)
            difference = np.abs(results["cuda"] - results["cpu"]).max()
            medians = " | ".join(f"{np.median(times):.3f} s" for times in seconds.values())
            print(f"| {name} | {image.shape[0]} x {image.shape[1]} | {difference:.2g} {card.unit} | {medians} |")


if __name__ == "__main__":
    main()
