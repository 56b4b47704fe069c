"""Queries with a thousand parameters, valid, invalid and unknown, from twenty clients at once."""

from benchmarks.hostile.target import Target, expect

ROUNDS = 20


def attack(target: Target) -> None:
    """Unknown parameters are ignored; of invalid ones the first twenty are listed."""
    wrong = "&".join(f"state=s{number}" for number in range(700))
    unknown = "&".join(f"q{number}=1" for number in range(900))

    def ask(_: int) -> None:
        with target.client(target.read) as client:
            for _ in range(ROUNDS):
                expect(client.get(f"/v1/jobs?{wrong}"), 422, code="validation_failed", at_most=20_000)
                expect(client.get(f"/v1/jobs?{unknown}"), 200)

    target.together(20, ask)
