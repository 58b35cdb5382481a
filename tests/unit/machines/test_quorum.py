"""Which sets of members may act for the cluster."""

from nodeagent.machines.quorum import Quorum

THREE = ("n1", "n2", "n3")
TWO = ("n1", "n2")


def test_more_than_half_has_quorum():
    quorum = Quorum(wait_for_all=False)
    assert quorum.has_quorum(["n1", "n2"], THREE)
    assert not quorum.has_quorum(["n3"], THREE)


def test_half_of_four_has_no_quorum():
    assert not Quorum(wait_for_all=False).has_quorum(["n1", "n2"], ("n1", "n2", "n3", "n4"))


def test_one_of_two_has_quorum_only_after_both_were_there():
    quorum = Quorum(wait_for_all=False)
    assert not quorum.has_quorum(["n1"], TWO)
    assert quorum.has_quorum(["n1", "n2"], TWO)
    assert quorum.has_quorum(["n1"], TWO)


def test_waiting_for_all_gives_no_quorum_before_all_were_there():
    quorum = Quorum(wait_for_all=True)
    assert not quorum.has_quorum(["n1", "n2"], THREE)
    assert quorum.has_quorum(THREE, THREE)
    assert quorum.has_quorum(["n1", "n2"], THREE)
