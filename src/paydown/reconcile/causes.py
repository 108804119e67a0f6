"""The reasons for which two honest sides may differ, each with what shows it and how much it can come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from paydown.reconcile.evidence import Evidence
from paydown.reconcile.figures import Explanation
from paydown.reconcile.ledger_side import Stated


@dataclass(frozen=True)
class Ground:
    """What all explanations of a cluster and window rest on."""

    ours: dict[str, Stated] = field(default_factory=dict)
    """The ledger by TRES."""
    seen: Evidence = field(default_factory=Evidence)
    capped: dict[str, float] = field(default_factory=dict)
    """Of TRES that are over-allocated: what jobs held, cut to the capacity of each hour as Slurm does."""
    gap: float = 0.0
    """The share of the window that Paydown's sources do not cover."""
    unrolled: bool = False
    """Whether sreport has nothing for the last hour of the window."""

    def stated(self, tres: str) -> Stated:
        """Give the ledger's side of a TRES."""
        return self.ours.get(tres, Stated())

    def not_covered(self, theirs: float) -> Explanation:
        """Ours may lack what a gap's share of theirs is."""
        return Explanation("not covered", -self.gap * theirs, 0.0, "Paydown's sources leave gaps in this window")

    def not_rolled_up(self, hours: float) -> Explanation:
        """Theirs may lack hours."""
        told = "sreport has nothing for the last hour of the window"
        return Explanation("not rolled up", 0.0, hours if self.unrolled else 0.0, told)

    def over_allocated(self, tres: str) -> Explanation:
        """Slurm cuts what jobs hold to the capacity of the cluster and hour, the ledger to that of each node.

        Which is worked out from the ledger by the hour (as_mysql_rollup.c: an hour's allocated time is at most all).
        """
        hours = self.capped.get(tres, 0.0) - self.stated(tres).allocated if tres in self.capped else 0.0
        told = "jobs hold more than nodes have; Slurm cuts that by hour and cluster, the ledger node by node"
        return Explanation("over-allocated", -hours, -hours, told)

    def not_visible(self, tres: str) -> Explanation:
        """Of jobs that Paydown may not see it knows what their nodes said when it looked."""
        hours = self.stated(tres).unseen
        return Explanation("not visible", -hours, hours, "nodes say that jobs hold them which Paydown cannot see")

    def reserved(self, tres: str) -> Explanation:
        """Slurm takes idle time of a reservation for allocated (sreport(1), Allocated)."""
        told = f"Slurm counts what {self.seen.reserved.rows} reservations set aside as allocated"
        return Explanation("reserved", -self.seen.reserved.of(tres), 0.0, told)

    def reserved_for(self, tres: str) -> Explanation:
        """Slurm counts idle time of any reservation for those who may use it (sreport(1), AccountUtilizationByUser)."""
        user, maintenance = self.seen.reserved, self.seen.maintenance
        hours = user.of(tres) + maintenance.of(tres)
        told = f"Slurm counts what {user.rows + maintenance.rows} reservations set aside for those who may use it"
        return Explanation("reserved", -hours, 0.0, told)

    def maintenance(self, tres: str) -> Explanation:
        """Slurm does not count maintenance whose jobs are ignored (sreport(1), the note on IGNORE_JOBS)."""
        seen = self.seen.maintenance
        told = f"Slurm leaves {seen.rows} maintenance reservations out where they ignore jobs (IGNORE_JOBS)"
        return Explanation("maintenance", 0.0, seen.of(tres), told)

    def nodes_changed(self, tres: str) -> Explanation:
        """Nodes are counted from when each side learns of them."""
        seen = self.seen.appeared
        told = f"{seen.rows} nodes came or went in this window, which each side learns at a moment of its own"
        return Explanation("nodes changed", -seen.of(tres), seen.of(tres), told)

    def held_while_down(self, tres: str) -> Explanation:
        """Allocated wins over every state of a node (docs/spec/ledger.md, section 2)."""
        told = "what jobs hold on nodes that are down or drained is allocated in the ledger"
        return Explanation("held while down", -self.seen.held_while_down.of(tres), 0.0, told)

    def seen_late(self, tres: str) -> Explanation:
        """Between two looks nobody knows when a state changed."""
        edges = self.seen.edges
        told = f"{edges.rows} changes of node states were seen when Paydown next looked"
        return Explanation("seen late", -edges.of(tres), edges.of(tres), told)


def mirrored(causes: list[Explanation]) -> list[Explanation]:
    """Give what takes from one category what it gives to the other."""
    return [Explanation(each.rule, -each.high, -each.low, each.evidence) for each in causes]


def real(causes: list[Explanation]) -> tuple[Explanation, ...]:
    """Leave out what comes to nothing."""
    return tuple(each for each in causes if each.high or each.low)
