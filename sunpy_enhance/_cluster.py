"""Jobs through Dask: a few at a time for each worker, so that a queue of any length stays out of memory."""

import contextlib
import functools
import logging
import os
import shutil
import subprocess

from ._extras import telling_the_extra
from ._jobs import Outcome, attempt

__all__ = ["check_client", "choose_gpu", "client_of", "gpus", "local_client", "through_client"]

# Jobs in hand for each worker: one reads or writes while the other computes.
_IN_HAND = 2


@contextlib.contextmanager
def local_client(workers):
    """Start that many processes on this machine, and give a client of theirs.

    They share the cores. Each has a GPU of its own, as far as there are.
    """
    with telling_the_extra("dask"):
        import dask
        from dask.system import CPU_COUNT
        from distributed import Client, LocalCluster

    threads = os.environ.get("SUNPY_ENHANCE_THREADS") or str(max(1, CPU_COUNT // workers))
    with (
        # Dask's profile of the workers takes 25 kB for each file, for an hour.
        dask.config.set({"distributed.worker.profile.enabled": False}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=_IN_HAND,
            processes=True,
            silence_logs=logging.ERROR,
            # No dashboard; and even so the scheduler answers by http, which must not be where another one does.
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            env={"SUNPY_ENHANCE_THREADS": threads},
        ) as cluster,
        Client(cluster) as client,
    ):
        devices = gpus()
        if len(devices) > 1:
            client.register_worker_callbacks(functools.partial(choose_gpu, devices))
        yield client


def client_of(address):
    """Return a client of a cluster that runs already; raise OSError where there is none."""
    with telling_the_extra("dask"):
        from distributed import Client

    try:
        return Client(address)
    except (OSError, ValueError) as error:
        msg = f"no Dask scheduler answers at {address!r}: give its address, such as tcp://10.0.0.1:8786"
        raise OSError(msg) from error


def check_client(client):
    """Raise TypeError where it is no client."""
    with telling_the_extra("dask"):
        from distributed import Client

    if not isinstance(client, Client):
        msg = f"client is a {type(client).__name__}, expected a distributed.Client: make it of the cluster"
        raise TypeError(msg)


def choose_gpu(devices, dask_worker):
    """Let a process see one GPU alone, before it starts a session: workers of a LocalCluster are named 0, 1, ..."""
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[int(dask_worker.name) % len(devices)]


def gpus():
    """Return the names of the GPUs that this process may use, for CUDA_VISIBLE_DEVICES."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [name.strip() for name in allowed.split(",") if name.strip()]
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    done = subprocess.run([command, "--list-gpus"], capture_output=True, text=True, check=False)
    return [str(number) for number, line in enumerate(done.stdout.splitlines()) if line.startswith("GPU ")]


def through_client(client, jobs):
    """Do jobs on the workers of a client.

    A job whose worker dies is done again elsewhere, as often as Dask's ``distributed.scheduler.allowed-failures`` says.

    Parameters
    ----------
    client : distributed.Client
    jobs : iterator of Job
        Taken one by one, as workers come free.

    Yields
    ------
    job : Job
    outcome : Outcome
        In the order in which they are done.
    """
    with telling_the_extra("dask"):
        import dask
        from distributed import as_completed

    in_hand = {}
    done = as_completed()
    # A Map travels within its job, so that it is not lost with a worker: tens of megabytes are no mistake.
    settings = dask.config.set({"distributed.admin.large-graph-warning-threshold": "4GiB"})
    try:
        with settings:
            while True:
                # The number of workers changes where a cluster adapts.
                while len(in_hand) < _IN_HAND * max(1, len(client.nthreads())):
                    job = next(jobs, None)
                    if job is None:
                        break
                    future = client.submit(attempt, job, pure=False)
                    in_hand[future] = job
                    done.add(future)
                if not in_hand:
                    return
                future = next(done)
                yield in_hand.pop(future), _outcome(future)
    finally:
        client.cancel(list(in_hand))


def _outcome(future):
    if future.status == "finished":
        return future.result()
    if future.status == "cancelled":
        return Outcome("failed", message="the cluster has given it up: is the scheduler still there?")
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        message = "its workers died each time: is there enough memory for it?"
        return Outcome("failed", message=message)
    raise error
