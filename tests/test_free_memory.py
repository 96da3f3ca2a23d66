"""What may still be taken is the least that the machine and each cgroup leave.

The folders are as Linux lays them: a container's own group is what is mounted, and a
process of the machine is in a group of groups.
"""

from types import SimpleNamespace

import pytest

from playground.system import free_memory

MB = 2**20
V1_UNLIMITED = "9223372036854771712"


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """Lays files below the place of cgroups; the machine has 8,000 MB free."""

    def groups(own, files):
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        (tmp_path / "own").write_text(own)

    monkeypatch.setattr(free_memory, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(free_memory, "OWN_GROUPS", tmp_path / "own")
    machine = SimpleNamespace(available=8000 * MB)
    monkeypatch.setattr(free_memory.psutil, "virtual_memory", lambda: machine)
    return groups


def test_without_groups_it_is_what_the_machine_has(groups):
    assert free_memory.free_bytes() == 8000 * MB  # no /proc: macOS, Windows
    groups("0::/user.slice\n", {})
    assert free_memory.free_bytes() == 8000 * MB


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"memory.max": 3000 * MB, "memory.current": 1200 * MB}, 1800),
        ({"memory.max": "max\n", "memory.current": 1200 * MB}, 8000),
        ({"memory.max": 64_000 * MB, "memory.current": 0}, 8000),
        ({"memory.max": 1000 * MB, "memory.current": 1001 * MB}, 0),
        (
            {
                "memory.max": 3000 * MB,
                "memory.high": 2000 * MB,
                "memory.current": 1200 * MB,
            },
            800,
        ),
        (
            {
                "memory.max": 3000 * MB,
                "memory.current": 1200 * MB,
                "memory.stat": f"anon 7\ninactive_file {500 * MB}\nactive_file 9\n",
            },
            2300,
        ),
        ({"memory.max": 3000 * MB}, 8000),  # the root's group has no usage
    ],
)
def test_a_containers_limit_in_version_2(groups, files, free):
    groups("0::/\n", files)
    assert free_memory.free_bytes() == free * MB


def test_each_group_above_counts_in_version_2(groups):
    groups(
        "0::/pod/app\n",
        {
            "pod/app/memory.max": "max",
            "pod/app/memory.current": 100 * MB,
            "pod/memory.max": 1000 * MB,
            "pod/memory.current": 400 * MB,
        },
    )
    assert free_memory.free_bytes() == 600 * MB


@pytest.mark.parametrize("own", ["4:memory:/docker/0a1b\n", "9:cpu,memory:/\n"])
def test_a_containers_limit_in_version_1(groups, own):
    """The path is the host's; what is mounted is the container's group."""
    groups(
        f"11:pids:/\n{own}0::/\n",
        {
            "memory/memory.limit_in_bytes": 2000 * MB,
            "memory/memory.usage_in_bytes": 900 * MB,
            "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {100 * MB}\n",
        },
    )
    assert free_memory.free_bytes() == 1200 * MB


def test_a_group_of_version_1_below_one_without_limit(groups):
    groups(
        "4:memory:/jobs/one\n",
        {
            "memory/memory.limit_in_bytes": V1_UNLIMITED,
            "memory/memory.usage_in_bytes": 7000 * MB,
            "memory/jobs/one/memory.limit_in_bytes": 1500 * MB,
            "memory/jobs/one/memory.usage_in_bytes": 200 * MB,
        },
    )
    assert free_memory.free_bytes() == 1300 * MB


def test_a_path_that_leaves_the_namespace_is_not_followed(groups, tmp_path):
    (tmp_path / "memory.max").write_text("1")
    (tmp_path / "memory.current").write_text("1")
    groups("0::/../\n", {"memory.max": 300 * MB, "memory.current": 100 * MB})
    assert free_memory.free_bytes() == 200 * MB


def test_scarce_is_less_than_the_reserve(monkeypatch):
    monkeypatch.setattr(free_memory, "free_bytes", lambda: free_memory.SCARCE_BYTES)
    assert not free_memory.is_scarce()
    monkeypatch.setattr(free_memory, "free_bytes", lambda: free_memory.SCARCE_BYTES - 1)
    assert free_memory.is_scarce()


def test_what_the_heap_holds_goes_back_to_the_system():
    """Blocks too small to be mapped by themselves, with one in use behind them."""
    if free_memory._malloc_trim() is None:
        pytest.skip("only glibc keeps freed memory")
    blocks = [bytearray(60_000) for _ in range(2000)]
    del blocks[:-1]
    before = free_memory.held_bytes()
    free_memory.give_back()
    assert before - free_memory.held_bytes() > 50 * MB
