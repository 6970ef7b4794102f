"""What keeps the program from asking the cluster ends when its cause does."""

from __future__ import annotations

from pathlib import Path

from tests.certificates import make_authority
from tests.kafka_broker import free_port
from tests.program import Program
from tests.waiting import wait_until


def test_an_authority_that_is_away_for_a_moment_ends_nothing(tmp_path: Path,
                                                             upload_dir: Path) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_bytes(make_authority("lab").pem())
    config = tmp_path / "c.config"
    config.write_text(f"[broker]\nbootstrap.servers = 127.0.0.1:{free_port()}\n"
                      f"security.protocol = SSL\nssl.ca.location = {authority}\n[producer]\n")
    with Program(upload_dir, "--config", str(config), "--topic_name", "t") as program:
        program.wait_for("not connected to .*nothing listens")
        moved = authority.rename(tmp_path / "away.pem")
        program.wait_for("not connected to .*no client can be made: .*ssl.ca.location")
        moved.rename(authority)
        program.lines.clear()

        def asks_again() -> bool:
            program.type("check")
            return any("nothing listens" in line for line in program.lines)

        wait_until(asks_again, "the broker is asked again", 60)
        assert program.quit() == 0
        assert "Traceback" not in program.text()
