"""Cocoa's event loop on macOS, by way of the Objective-C runtime: no package is needed for it.

`NSApplication` runs; Core Foundation watches the descriptor and the time, and stops it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any

from .eventloops_selector import Wait

_READ = 1  # kCFFileDescriptorReadCallBack
_ANY_EVENT = 2**64 - 1  # NSEventMaskAny
_APPLICATION_DEFINED = 15  # NSEventTypeApplicationDefined

_DescriptorCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p)
_TimerCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class _Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_double), ("y", ctypes.c_double))


def make_wait() -> Wait:
    """The `Wait` of the application object of this process."""
    ctypes.CDLL(ctypes.util.find_library("AppKit"))
    objc: Any = ctypes.CDLL(ctypes.util.find_library("objc"))
    core: Any = ctypes.CDLL(ctypes.util.find_library("CoreFoundation"))
    for name in ("objc_getClass", "sel_registerName"):
        getattr(objc, name).restype = ctypes.c_void_p
        getattr(objc, name).argtypes = [ctypes.c_char_p]
    for name in (
        "CFRunLoopGetMain",
        "CFFileDescriptorCreate",
        "CFFileDescriptorCreateRunLoopSource",
        "CFRunLoopTimerCreate",
    ):
        getattr(core, name).restype = ctypes.c_void_p
    core.CFAbsoluteTimeGetCurrent.restype = ctypes.c_double
    modes = ctypes.c_void_p.in_dll(core, "kCFRunLoopCommonModes")
    default_mode = ctypes.c_void_p.in_dll(core, "kCFRunLoopDefaultMode")
    pointer = ctypes.c_void_p

    def send(
        target: Any, selector: bytes, *args: Any, types: Any = (), result: Any = pointer
    ) -> Any:
        # A message has the C type of its method: each call has its own prototype.
        prototype = ctypes.CFUNCTYPE(result, pointer, pointer, *types)
        return prototype(("objc_msgSend", objc))(target, objc.sel_registerName(selector), *args)

    application = send(objc.objc_getClass(b"NSApplication"), b"sharedApplication")

    def stop(*_: Any) -> None:
        send(application, b"stop:", None, types=(pointer,), result=None)
        # `stop:` is looked at after an event: here is one.
        event = send(
            objc.objc_getClass(b"NSEvent"),
            b"otherEventWithType:location:modifierFlags:timestamp:windowNumber:context:subtype:"
            b"data1:data2:",
            *(_APPLICATION_DEFINED, _Point(0, 0), 0, 0.0, 0, None, 0, 0, 0),
            types=(
                *(ctypes.c_ulong, _Point, ctypes.c_ulong, ctypes.c_double, ctypes.c_long),
                *(pointer, ctypes.c_short, ctypes.c_long, ctypes.c_long),
            ),
        )
        send(
            application,
            b"postEvent:atStart:",
            event,
            True,
            types=(pointer, ctypes.c_bool),
            result=None,
        )

    on_descriptor = _DescriptorCallback(stop)
    on_timer = _TimerCallback(stop)

    def handle_pending() -> None:
        while event := send(
            application,
            b"nextEventMatchingMask:untilDate:inMode:dequeue:",
            *(_ANY_EVENT, None, default_mode, True),
            types=(ctypes.c_ulonglong, pointer, pointer, ctypes.c_bool),
        ):
            send(application, b"sendEvent:", event, types=(pointer,), result=None)

    def wait(descriptor: int, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            handle_pending()
            return
        run_loop = pointer(core.CFRunLoopGetMain())
        watch = pointer(
            core.CFFileDescriptorCreate(
                None, ctypes.c_int(descriptor), ctypes.c_bool(False), on_descriptor, None
            )
        )
        core.CFFileDescriptorEnableCallBacks(watch, ctypes.c_ulong(_READ))
        source = pointer(core.CFFileDescriptorCreateRunLoopSource(None, watch, ctypes.c_long(0)))
        core.CFRunLoopAddSource(run_loop, source, modes)
        timer = None
        if timeout is not None:
            when = ctypes.c_double(core.CFAbsoluteTimeGetCurrent() + timeout)
            timer = pointer(
                core.CFRunLoopTimerCreate(
                    *(None, when, ctypes.c_double(0), ctypes.c_ulong(0), ctypes.c_long(0)),
                    *(on_timer, None),
                )
            )
            core.CFRunLoopAddTimer(run_loop, timer, modes)
        try:
            send(application, b"run", result=None)
        finally:
            core.CFFileDescriptorInvalidate(watch)
            core.CFRunLoopRemoveSource(run_loop, source, modes)
            core.CFRelease(source)
            core.CFRelease(watch)
            if timer is not None:
                core.CFRunLoopTimerInvalidate(timer)
                core.CFRelease(timer)

    return wait
