"""Check an installed wheel: complete, light to import, quiet. Run it away from the checkout."""

import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

SHIPPED = {f"{o}{v}" for o in ("continuum", "magnetogram") for v in ("", "-fast", "-linear", "-paper")}
HEAVY = ("onnxruntime", "torch", "matplotlib", "dask", "sunpy.net")


def main():
    """Raise AssertionError, or exit with a message, where the wheel lacks something."""
    probe = f"import sys, sunpy_enhance; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not done.stdout.strip(), f"`import sunpy_enhance` imports {done.stdout.strip()}"
    assert not done.stderr.strip(), f"`import sunpy_enhance` prints {done.stderr.strip()}"

    import sunpy_enhance

    here = Path(sunpy_enhance.__file__)
    assert Path(sys.prefix) in here.parents, f"{here} is not the installed package: run this away from the checkout"
    assert sunpy_enhance.__version__ == metadata.version("sunpy_enhance")
    runtimes = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
    assert len(runtimes) == 1, f"exactly one of the two distributions of onnxruntime is wanted, found {runtimes}"

    cards = sunpy_enhance.available_models()
    assert set(cards) == SHIPPED, f"available_models() is {sorted(cards)}"
    recipes = {file.name for file in (resources.files("sunpy_enhance.training") / "recipes").iterdir()}
    assert recipes >= {f"{name}.toml" for name in SHIPPED}, f"the recipes in the wheel are {sorted(recipes)}"
    print(
        f"sunpy_enhance {sunpy_enhance.__version__}, {runtimes[0]}, models {sorted(cards)}, recipes {sorted(recipes)}"
    )


def _installed(name):
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
