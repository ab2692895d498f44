"""The minors of CPython that get a wheel, and how a target is configured for one of them."""

load("@pythons_hub//:versions.bzl", "DEFAULT_PYTHON_VERSION")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("@rules_rust//rust:rust_common.bzl", "CrateInfo", "DepInfo")

_PYTHON_VERSION = str(Label("@rules_python//python/config_settings:python_version"))

# Those that MODULE.bazel names; rules_python itself brings no other.
MINORS = ["3.10", "3.11", "3.12", "3.13"]

def tag(minor):
    """The tag that wheels of a minor have: "3.12" is "cp312"."""
    return "cp" + minor.replace(".", "")

def _for_minor_impl(_settings, attr):
    return {_PYTHON_VERSION: attr.minor}

for_minor = transition(
    implementation = _for_minor_impl,
    inputs = [],
    outputs = [_PYTHON_VERSION],
)

def _for_any_impl(_settings, _attr):
    return {_PYTHON_VERSION: DEFAULT_PYTHON_VERSION}

_for_any = transition(
    implementation = _for_any_impl,
    inputs = [],
    outputs = [_PYTHON_VERSION],
)

def _forward_impl(ctx):
    crate = ctx.attr.crate[0]
    return [crate[provider] for provider in [CrateInfo, DepInfo, DefaultInfo] if provider in crate] + (
        [crate[CcInfo]] if CcInfo in crate else []
    )

any_minor = rule(
    doc = "A crate that no CPython has a part in, as what is built for one minor may depend on it: compiled once for all minors.",
    implementation = _forward_impl,
    attrs = {
        "crate": attr.label(
            cfg = _for_any,
            mandatory = True,
            providers = [CrateInfo],
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    provides = [CrateInfo],
)

def crates_of_extension(name, crates, of_its_minor, of_any_minor):
    """What an extension depends on, so that as little as possible is compiled for each minor.

    Args:
        name: what the names of targets made here start with.
        crates: labels of crates from `all_crate_deps`.
        of_its_minor: names of those among them that are compiled for the extension's minor.
        of_any_minor: further crates, which are not.

    Returns:
        a list for `deps`.
    """
    deps = [
        crate
        for crate in crates
        # Their names end in the version.
        if crate.name.rpartition("-")[0] in of_its_minor
    ]
    if len(deps) != len(of_its_minor):
        fail("of {} only {} are among the crates".format(of_its_minor, deps))
    others = [native.package_relative_label(crate) for crate in of_any_minor] + [
        crate
        for crate in crates
        if crate not in deps
    ]
    for crate in others:
        forwarded = name + "_" + crate.name
        any_minor(name = forwarded, crate = crate, tags = ["manual"])
        deps.append(":" + forwarded)
    return deps
