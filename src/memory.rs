//! What the process keeps of the memory it no longer uses.

/// Blocks from this size on are the system's again as soon as they are free, in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1 << 20;

/// Keeps freed blocks out of the allocator's own stock where they are large. Checking a password takes 19 MiB
/// for a moment; glibc, left to itself, learns from the first one to take the next from a heap, one heap
/// per thread, and keeps them all. Must be called before other threads are started.
pub fn give_back_large_blocks() {
    // SAFETY: sets one number inside the allocator, at a time when no other thread allocates.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
