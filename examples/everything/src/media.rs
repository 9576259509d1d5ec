//! A picture and a sound, each as small as its format allows.

/// A PNG of one pixel, teal, in base64.
pub(crate) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgaGgAAAGEAQFocvOPAAAAAElFTkSuQmCC";

/// A WAV of one millisecond, one wave of 1 kHz in eight samples of eight bits, in base64.
pub(crate) const TONE: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAxuTGgDkcOQ==";
