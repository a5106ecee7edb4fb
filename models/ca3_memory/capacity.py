"""How much the memories hold, and how fast they can be asked.

Recall by cue is exact for as many cues as there are. Recall by content has two limits:

- *time*: traces of plasticity last for 3 ms, so what follows too soon pairs with what was before;
- *overlap*: a probe of several bits also writes. Its bits fire together with the cues that any one of them calls up,
  and become part of their content. Where contents share no bits the bits of a probe have one cue, and nothing is
  written that was not there; one bit alone is safe always.

    python -m models.ca3_memory.capacity

References
----------
D. Casanueva-Morato et al., Neural Networks, 106474 (2024); IEEE Trans. Emerg. Top. Comput. (2024).
"""

from __future__ import annotations

from models.ca3_memory import cam, operations, sparse
from models.progress import track


def timing(
    cues: int, contents: int, learning: int, recalling: int, seed: int = 0, **options
) -> dict[str, tuple[int, int]]:
    """Wrong answers and questions among 200 random operations on the content-addressable memory."""
    program = operations.random(seed, cues, contents, learning=learning, recalling=recalling, **options)
    return operations.wrong(program, cam.experiment(program, record=cam.OUTPUTS)[1])


def behind_a_code(cues: int, contents: int, learning: int, recalling: int, seed: int = 0) -> tuple[int, int]:
    """Wrong answers and questions among 150 random operations on the memory behind a binary code."""
    program = operations.random(
        seed, cues, contents, learning=learning, recalling=recalling, number=150, by_content=False
    )
    return operations.wrong(program, sparse.experiment(program, record=sparse.OUTPUTS)[1])["cue"]


def load(
    cues: int, contents: int, *, orthogonal: bool, fragment: int | None, seed: int = 0
) -> dict[str, tuple[int, int]]:
    """Wrong answers and questions of a memory that is filled with orthogonal or with overlapping contents, and probed."""
    program = operations.full(seed, cues, contents, orthogonal=orthogonal, fragment=fragment)
    return operations.wrong(program, cam.experiment(program, record=cam.OUTPUTS)[1])


def main() -> None:
    """Print the tables."""
    shown = lambda counts: ", ".join(f"{name} {wrong} of {asked}" for name, (wrong, asked) in counts.items())
    print("Random operations, probes of one bit: wrong of asked")
    for cues, contents in ((5, 10), (16, 16), (50, 40)):
        for learning, recalling in track(((14, 14), (10, 10), (7, 6), (6, 6)), "times in ms"):
            print(
                f"  {cues} x {contents}, {learning}/{recalling} ms:"
                f" {shown(timing(cues, contents, learning, recalling))}"
            )
    print("Random operations 14 ms apart, 5 x 10, by size of the probe")
    for fragment in track((1, 2, 3, None), "bits of the probe"):
        print(f"  {fragment or 'all'} bits: {shown(timing(5, 10, 14, 14, fragment=fragment))}", flush=True)
    print("Behind a binary code")
    for cues, contents in ((5, 10), (15, 16), (31, 16), (63, 20)):
        for learning, recalling in track(((7, 5), (8, 8)), "times in ms"):
            wrong, asked = behind_a_code(cues, contents, learning, recalling)
            print(f"  {cues} x {contents}, {learning}/{recalling} ms: {wrong} of {asked}")
    print("Full memories, 60 bits (a tenth of them set where contents overlap), 14 ms apart")
    for cues in track((10, 30, 60), "cues"):
        for orthogonal in (True, False):
            for fragment in (1, 2, None):
                kind = "orthogonal " if orthogonal else "overlapping"
                found = load(cues, 60, orthogonal=orthogonal, fragment=fragment)
                print(f"  {cues} cues, {kind}, probes of {fragment or 'all'} bits: {shown(found)}", flush=True)


if __name__ == "__main__":
    main()
