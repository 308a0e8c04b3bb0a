//! A drawing as a list of shapes in SVG units, before any backend has seen it.

/// Which colour something has; a [`super::Theme`] turns it into red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// The ground.
    Paper,
    /// Words and marker outlines.
    Text,
    /// Tick labels and notes.
    Muted,
    /// Grid lines.
    Grid,
    /// The frame of a panel.
    Frame,
    /// The regression line.
    Trend,
    /// The colour of a family of points; numbers beyond the palette repeat.
    Family(usize),
}

/// A rectangle; `top` is smaller than `bottom`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    /// Smallest x.
    pub(crate) left: f64,
    /// Smallest y.
    pub(crate) top: f64,
    /// Largest x.
    pub(crate) right: f64,
    /// Largest y.
    pub(crate) bottom: f64,
}

impl Rect {
    /// A square around a point.
    pub(crate) fn around([x, y]: [f64; 2], radius: f64) -> Self {
        Self { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }
    }

    /// The smallest rectangle that holds two points.
    pub(crate) fn between([x0, y0]: [f64; 2], [x1, y1]: [f64; 2]) -> Self {
        Self { left: x0.min(x1), top: y0.min(y1), right: x0.max(x1), bottom: y0.max(y1) }
    }

    /// Whether two rectangles share more than an edge.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether `other` lies within.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }

    /// The rectangle with `by` more on every side.
    pub(crate) fn grown(&self, by: f64) -> Self {
        Self {
            left: self.left - by,
            top: self.top - by,
            right: self.right + by,
            bottom: self.bottom + by,
        }
    }
}

/// Which end of a text stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The text begins there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// One line of text on its baseline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    /// The characters.
    pub(crate) content: String,
    /// A point on the baseline.
    pub(crate) at: [f64; 2],
    /// The em.
    pub(crate) size: f64,
    /// What `at` means.
    pub(crate) anchor: Anchor,
    /// Colour.
    pub(crate) ink: Ink,
    /// Heavier strokes.
    pub(crate) bold: bool,
    /// Reads from bottom to top.
    pub(crate) rotated: bool,
}

impl Text {
    /// Text that starts at `at`.
    pub(crate) fn new(content: impl Into<String>, at: [f64; 2], size: f64) -> Self {
        Self {
            content: content.into(),
            at,
            size,
            anchor: Anchor::Start,
            ink: Ink::Text,
            bold: false,
            rotated: false,
        }
    }

    /// Changes the anchor.
    pub(crate) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// Changes the colour.
    pub(crate) fn ink(self, ink: Ink) -> Self {
        Self { ink, ..self }
    }

    /// Makes it heavier.
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Turns it by a quarter, to read from bottom to top.
    pub(crate) fn rotated(self) -> Self {
        Self { rotated: true, ..self }
    }
}

/// A thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A straight line.
    Line { from: [f64; 2], to: [f64; 2], width: f64, ink: Ink },
    /// A filled polygon.
    Polygon { corners: Vec<[f64; 2]>, ink: Ink, opacity: f64 },
    /// A filled circle.
    Disc { centre: [f64; 2], radius: f64, ink: Ink },
    /// A line of text.
    Text(Text),
}

/// A place with words that appear when a pointer rests on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hotspot {
    /// Centre.
    pub(crate) at: [f64; 2],
    /// The words.
    pub(crate) words: String,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    /// Width in SVG units.
    pub(crate) width: f64,
    /// Height in SVG units.
    pub(crate) height: f64,
    /// Accessible name.
    pub(crate) title: String,
    /// Accessible description.
    pub(crate) description: String,
    /// What to draw, from back to front.
    pub(crate) shapes: Vec<Shape>,
    /// Words for pointers.
    pub(crate) hotspots: Vec<Hotspot>,
}

impl Scene {
    /// An empty drawing whose height is set last.
    pub(crate) fn new(width: f64, title: String, description: String) -> Self {
        Self {
            width: width.ceil(),
            height: 0.0,
            title,
            description,
            shapes: Vec::new(),
            hotspots: Vec::new(),
        }
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: Text) {
        self.shapes.push(Shape::Text(text));
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, from: [f64; 2], to: [f64; 2], width: f64, ink: Ink) {
        self.shapes.push(Shape::Line { from, to, width, ink });
    }

    /// Adds a filled rectangle.
    pub(crate) fn fill(&mut self, rect: Rect, ink: Ink, opacity: f64) {
        let Rect { left, top, right, bottom } = rect;
        let corners = vec![[left, top], [right, top], [right, bottom], [left, bottom]];
        self.shapes.push(Shape::Polygon { corners, ink, opacity });
    }

    /// Adds the outline of a rectangle.
    pub(crate) fn outline(&mut self, rect: Rect, width: f64, ink: Ink) {
        let Rect { left, top, right, bottom } = rect;
        let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
        let ends = corners.iter().cycle().skip(1);
        for (&from, &to) in corners.iter().zip(ends) {
            self.line(from, to, width, ink);
        }
    }
}
