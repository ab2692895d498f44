//! Memory that is megabytes long.

/// From here on an allocation has a mapping of its own, or nearly; NumPy draws the line here, too.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

/// Says that memory is about to be written from its beginning to its end.
///
/// Linux lays pages of 2 MB under it then, where it has any: with pages of 4 KB, having them mapped one by
/// one costs several times what writing them does.
pub(crate) fn will_be_filled(start: *const u8, length: usize) {
    #[cfg(target_os = "linux")]
    if length >= LARGE {
        // SAFETY: sysconf only answers.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let Ok(page @ 1..) = usize::try_from(page) else {
            return;
        };
        // Whole pages around it: a mapping that is cut into parts cannot be made smaller in one go.
        let before = start.addr() % page;
        let first = start.wrapping_sub(before).cast_mut();
        let length = (before + length).next_multiple_of(page);
        // SAFETY: advice about how pages are to be mapped; it changes nothing of what they hold, whoever's
        // they are. Where it is not taken, the pages stay small.
        unsafe { libc::madvise(first.cast(), length, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, length);
}
