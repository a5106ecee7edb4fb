import pytest
from matplotlib import image
from rich.console import Console

from models import demo


def test_first_part(tmp_path):
    console = Console(record=True, width=100)
    demo.simulate(tmp_path, console)
    text = console.export_text()
    for shown in ("4,000", "synapses", "compiling", "times real time", "firing rate", "coba_lif.png"):
        assert shown in text
    assert image.imread(tmp_path / "coba_lif.png").std() > 0.05


@pytest.mark.slow
def test_whole_demo(tmp_path, capsys):
    demo.main(str(tmp_path))
    assert "test accuracy" in capsys.readouterr().out
    assert {p.name for p in tmp_path.iterdir()} == {"coba_lif.png", "digits.png"}
