"""Programs and tests that run in a new environment with the wheel installed: see installed.py."""

load("@rules_python//python:py_binary.bzl", "py_binary")
load("@rules_python//python:py_test.bzl", "py_test")
load("//ci/bazel:minors.bzl", "tag")

# What is installed beside the wheel, each with what it depends on; requirements/bazel.in names the same.
_REQUIREMENTS = [
    "comm",
    "debugpy",
    "ipython",
    "ipywidgets",
    "jupyter_client",
    "jupyter_core",
    "jupyter_kernel_test",
    "matplotlib",
    "matplotlib_inline",
    "nbclient",
    "nbconvert",
    "numpy",
    "pandas",
    "pytest",
    "pytest_timeout",
    "tinycss2",
]

def _attributes(minor, data):
    return {
        "data": ["//:wheel_" + tag(minor)] + data + [
            "@test_requirements//{}:whl".format(name)
            for name in _REQUIREMENTS
        ],
        "main": "//ci/bazel:installed.py",
        "python_version": minor,
        "srcs": ["//ci/bazel:installed.py"],
    }

def installed_binary(name, minor, args, data):
    """A program for `bazel run`.

    Args:
        name: of the target.
        minor: of the CPython that it runs with, "3.12".
        args: the module or file to run, and its arguments.
        data: the files that it reads.
    """
    py_binary(name = name, args = args, **_attributes(minor, data))

def installed_test(name, minor, args, data, **kwargs):
    """A test, which passes if the command ends with 0.

    Args:
        name: of the target.
        minor: of the CPython that it runs with, "3.12".
        args: the module or file to run, and its arguments.
        data: the files that it reads.
        **kwargs: what every test may have, `size` for one.
    """
    py_test(name = name, args = args, **(_attributes(minor, data) | kwargs))
