use kernel::RequestKind;

use super::{ASKS, Canvas, Description, Link, ModuleDescription};
use crate::descriptor::is_among;

/// What is drawn, whatever the language: a frame, what stands in it and around it, and arrows.
pub(super) struct Picture<'a> {
    /// What the frame is called.
    pub frame: &'a str,
    pub nodes: Vec<Node<'a>>,
    pub arrows: Vec<Arrow<'a>>,
}

pub(super) struct Node<'a> {
    pub shape: Shape,
    /// In a word.
    pub kind: &'static str,
    pub name: &'a str,
    /// Smaller, below the name.
    pub about: String,
    pub is_inside: bool,
    /// Not a part of this process.
    pub left_out: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Module,
    Request,
    Event,
    Subscriber,
    Projection,
    Saga,
    Collection,
}

/// All messages that one asks or takes of another.
pub(super) struct Arrow<'a> {
    pub from: End,
    pub to: End,
    pub how: &'a str,
    /// Those that do not stand at the other end by themselves.
    pub messages: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Frame,
    Node(usize),
}

/// The context map.
pub(super) fn of_description(description: &Description) -> Picture<'_> {
    let nodes = description.modules.iter().map(|module| Node {
        shape: Shape::Module,
        kind: "module",
        name: module.name,
        about: module.about.to_owned(),
        is_inside: true,
        left_out: module.left_out,
    });
    let nodes: Vec<Node<'_>> = nodes.collect();
    let end = |name: &str| nodes.iter().position(|node| node.name == name).map(End::Node);
    let links = description
        .links
        .iter()
        .filter_map(|link| Some(((end(link.from)?, end(link.to)?, link.how), Some(link.message))));
    Picture { frame: "borough", arrows: arrows(links), nodes }
}

/// One module with what is in it, and its neighbours around it. A message that stands in the frame is where an arrow ends; any
/// other is written on the arrow.
pub(super) fn of_canvas(Canvas { module, links }: &Canvas) -> Picture<'_> {
    let mut nodes = parts(module);
    for name in links.iter().flat_map(|link| [link.from, link.to]).filter(|name| *name != module.name) {
        if !nodes.iter().any(|node| !node.is_inside && node.name == name) {
            nodes.push(Node { is_inside: false, ..part(Shape::Module, "module", name, String::new()) });
        }
    }
    let find = |is: &dyn Fn(&Node<'_>) -> bool| nodes.iter().position(is).map(End::Node);
    let inside = |shape, name: &str| find(&|node| node.is_inside && node.shape == shape && node.name == name);
    let outside = |name: &str| find(&|node| !node.is_inside && node.name == name);
    let arrow = |link: &Link, from: Option<End>| {
        let shape = if link.how == ASKS { Shape::Request } else { Shape::Event };
        let (to, message) = match inside(shape, link.message) {
            Some(own) if link.to == module.name => (own, None),
            _ => (outside(link.to)?, Some(link.message)),
        };
        Some(((from?, to, link.how), message))
    };
    let (own, others): (Vec<&Link>, Vec<&Link>) = links.iter().partition(|link| link.from == module.name);
    let asks = own.iter().filter(|link| link.how == ASKS).filter_map(|link| arrow(link, Some(End::Frame)));
    let listens = module.subscribes.iter().flat_map(|subscription| {
        let taken = own.iter().filter(|link| link.how != ASKS && is_among(link.message, subscription.event));
        taken.filter_map(|link| arrow(link, inside(Shape::Subscriber, subscription.subscriber)))
    });
    let follows = module.projections.iter().flat_map(|projection| {
        let taken = own.iter().filter(|link| link.how != ASKS && projection.events.contains(&link.message));
        taken.filter_map(|link| arrow(link, inside(Shape::Projection, projection.projection)))
    });
    let reached = others.iter().filter_map(|link| arrow(link, outside(link.from)));
    let arrows = arrows(asks.chain(listens).chain(follows).chain(reached));
    Picture { frame: module.name, nodes, arrows }
}

fn parts(module: &ModuleDescription) -> Vec<Node<'_>> {
    let requests = module.serves.iter().map(|request| {
        let kind = match request.kind {
            RequestKind::Query => "query",
            RequestKind::Command => "command",
        };
        part(Shape::Request, kind, request.name, request.permission.unwrap_or("public").to_owned())
    });
    let events = module.publishes.iter().map(|name| part(Shape::Event, "event", name, String::new()));
    let subscribers = module.subscribes.iter();
    let subscribers =
        subscribers.map(|s| part(Shape::Subscriber, "subscriber", s.subscriber, format!("takes {}", s.event)));
    let projections = module.projections.iter().map(|projection| {
        let about = format!("takes {}", projection.events.join(", "));
        part(Shape::Projection, "projection", projection.projection, about)
    });
    let sagas = module.sagas.iter().map(|saga| part(Shape::Saga, "saga", saga.name, saga.steps.join(", ")));
    let collections = module.collections.iter().map(|name| part(Shape::Collection, "collection", name, String::new()));
    requests.chain(events).chain(subscribers).chain(projections).chain(sagas).chain(collections).collect()
}

fn part<'a>(shape: Shape, kind: &'static str, name: &'a str, about: String) -> Node<'a> {
    Node { shape, kind, name, about, is_inside: true, left_out: false }
}

/// One arrow for all messages that go the same way.
fn arrows<'a>(ways: impl Iterator<Item = ((End, End, &'a str), Option<&'a str>)>) -> Vec<Arrow<'a>> {
    let mut arrows: Vec<Arrow<'a>> = Vec::new();
    for ((from, to, how), message) in ways {
        let known = arrows.iter_mut().find(|arrow| (arrow.from, arrow.to, arrow.how) == (from, to, how));
        match (known, message) {
            (Some(arrow), Some(message)) if !arrow.messages.contains(&message) => arrow.messages.push(message),
            (Some(_), _) => {}
            (None, message) => arrows.push(Arrow { from, to, how, messages: message.into_iter().collect() }),
        }
    }
    arrows
}
