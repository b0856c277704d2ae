//! What the catalogue says of its areas and topics: the heads of its files.

/// An area of the catalogue, or a topic of one: a folder, or a file.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// What the ids of its cases begin with: `epoll`, `epoll.edge`.
    pub id: &'static str,
    /// What the head of its file says: paragraphs of Markdown.
    pub head: &'static str,
}

/// Every area and topic, sorted by id: an area comes before its topics.
pub fn topics() -> &'static [Topic] {
    include!(concat!(env!("OUT_DIR"), "/topics.rs"))
}
