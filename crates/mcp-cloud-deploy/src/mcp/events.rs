//! Reads event streams (<https://html.spec.whatwg.org/multipage/server-sent-events.html>) piece by piece, wherever the
//! pieces are cut.

use thiserror::Error;

/// An event that is not a comment and has data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type; `message` unless it says otherwise.
    pub kind: String,
    /// Its data, lines joined by line feeds.
    pub data: String,
}

/// One event is larger than anybody would send.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an event of the stream is larger than {limit} bytes")]
pub struct TooLarge {
    limit: usize,
}

/// Reads a stream of events.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    has_begun: bool,
    /// The last line ended in a carriage return; a line feed right after it belongs to the same end.
    after_return: bool,
}

impl Events {
    /// The most that one event may hold, in bytes: more than the largest reply of a function.
    pub const LIMIT: usize = 32 * 1024 * 1024;

    /// Takes the next piece of the stream in, and gives out the events that it completes.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] when an event, or a line, exceeds [`LIMIT`](Self::LIMIT).
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, TooLarge> {
        let mut complete = Vec::new();
        for byte in piece {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    complete.extend(self.take_line(&line));
                }
                _ => {
                    self.after_return = false;
                    self.line.push(*byte);
                }
            }
            if self.line.len() + self.event.data.len() > Self::LIMIT {
                return Err(TooLarge { limit: Self::LIMIT });
            }
        }
        Ok(complete)
    }

    fn take_line(&mut self, line: &[u8]) -> Option<Event> {
        let line = String::from_utf8_lossy(line);
        let line = if self.has_begun { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.has_begun = true;
        if line.is_empty() {
            let mut event = std::mem::take(&mut self.event);
            if event.kind.is_empty() {
                "message".clone_into(&mut event.kind);
            }
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.kind),
            // A comment, an id, a time to come back after: nothing that one reply needs.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut events = Events::default();
        let read = pieces.iter().flat_map(|piece| events.push(piece).expect("small enough"));
        read.map(|event| (event.kind, event.data)).collect()
    }

    fn message(data: &str) -> (String, String) {
        ("message".to_owned(), data.to_owned())
    }

    #[test]
    fn events_are_read_whatever_ends_their_lines() {
        for end in ["\n", "\r", "\r\n"] {
            let stream =
                "\u{feff}: hello\n\nevent: message\nid: 7\ndata: {\n data:x\ndata:}\nretry: 5\n\ndata\n\ndata: cut";
            let stream = stream.replace('\n', end);
            assert_eq!(read(&[stream.as_bytes()]), [message("{\n}"), message("")], "{end:?}");
        }
        assert_eq!(read(&[b"event: ping\ndata: 1\n\n"]), [("ping".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn endless_line_is_refused() {
        let mut events = Events::default();
        let piece = vec![b'x'; 1024 * 1024];
        let refused = (0..64).find_map(|_| events.push(&piece).err());
        assert_eq!(refused, Some(TooLarge { limit: Events::LIMIT }));
    }

    proptest::proptest! {
        #[test]
        fn where_a_stream_is_cut_makes_no_difference(
            stream in "([a-z:]|data: ?|event:|\r|\n|\r\n|ü){0,60}",
            cut in 0_usize..200,
        ) {
            let bytes = stream.as_bytes();
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            proptest::prop_assert_eq!(read(&[bytes]), read(&[first, second]));
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            proptest::prop_assert_eq!(read(&[bytes]), read(&single));
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = read(&[&bytes]);
        }
    }
}
