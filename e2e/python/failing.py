"""A script that raises before there is a job."""


def plan():
    raise ValueError("this script has no orders to process")


print("main begins")
plan()
