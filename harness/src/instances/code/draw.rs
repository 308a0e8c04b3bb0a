//! Random drawings whose every item can be seen.

use super::SIDE;
use super::drawing::{Arrangement, Drawing, Item, Point, Tier};
use super::raster::rasterise;
use super::shape::{Colour, Form, Shape};
use super::source::source;
use crate::failure::Failure;
use crate::images::raster::Rgb;
use retally_metrics::random::Stream;

/// Draws are repeated until everything can be seen; one in a few is not good.
const MAX_ATTEMPTS: usize = 1_000;
/// So many pixels of an item must be seen in its pure colour.
const LEAST_VISIBLE: usize = 600;
/// So many pixels of the lower shape must be hidden where shapes are to overlap.
const LEAST_HIDDEN: usize = 600;
/// The ends of a line are this far apart in one direction at least.
const LEAST_EXTENT: u16 = 150;
/// Ends of lines and centres of shapes keep away from the border.
const BORDER: u64 = 40;

/// Drawing number `index` of a seed; tiers follow each other.
///
/// # Errors
/// If none is found, which is a bug.
pub(in crate::instances) fn draw(seed: u64, index: u64) -> Result<Drawing, Failure> {
    let tier = Tier::ALL[(index % 3) as usize];
    let mut random =
        Pencil { random: Stream::new(seed, "uni-mmmu/code", index), colours: Vec::new() };
    for _ in 0..MAX_ATTEMPTS {
        let items = match tier {
            Tier::Easy => vec![random.single()],
            Tier::Medium if random.random.below(2) == 0 => vec![random.repetition()],
            Tier::Medium => random.separate_shapes(),
            Tier::Hard => random.composition(),
        };
        let drawing = Drawing { tier, items };
        if is_visible(&drawing)? {
            return Ok(drawing);
        }
        random.colours.clear();
    }
    Err(Failure::invalid(format_args!(
        "no drawing of tier {tier:?} was found for seed {seed}, number {index}: please report this"
    )))
}

/// The drawing with one item, chosen at random, in another colour that is nowhere in it. `None` if it has no item or every
/// colour. Also the item's place in the list.
pub(in crate::instances) fn change_colour(
    drawing: &Drawing,
    random: &mut Stream,
) -> Option<(Drawing, usize)> {
    let used: Vec<Colour> = drawing.items.iter().map(Item::colour).collect();
    let free: Vec<Colour> =
        Colour::ALL.into_iter().filter(|colour| !used.contains(colour)).collect();
    let index = random.below(drawing.items.len() as u64) as usize;
    let colour = *free.get(random.below(free.len() as u64) as usize)?;
    let mut changed = drawing.clone();
    let item = changed.items.get_mut(index)?;
    *item = item.clone().with_colour(colour);
    Some((changed, index))
}

/// Draws with colours that are not used twice.
struct Pencil {
    random: Stream,
    colours: Vec<Colour>,
}

impl Pencil {
    fn between(&mut self, low: u64, high: u64) -> u16 {
        (low + self.random.below(high - low + 1)) as u16
    }

    fn point(&mut self) -> Point {
        let side = SIDE as u64;
        [self.between(BORDER, side - BORDER), self.between(BORDER, side - BORDER)]
    }

    fn colour(&mut self) -> Colour {
        let free: Vec<Colour> =
            Colour::ALL.into_iter().filter(|colour| !self.colours.contains(colour)).collect();
        let chosen = self.random.below(free.len() as u64) as usize;
        // No drawing has more items than the palette has colours.
        let colour = free.get(chosen).copied().unwrap_or(Colour::Red);
        self.colours.push(colour);
        colour
    }

    fn shape(&mut self, low: u64, high: u64) -> Shape {
        let form = Form::ALL[self.random.below(Form::ALL.len() as u64) as usize];
        Shape { form, colour: self.colour(), size: self.between(low, high) }
    }

    /// One shape that fits the drawing wherever its centre is drawn.
    fn single(&mut self) -> Item {
        let shape = self.shape(60, 140);
        let reach = reach(&shape) + 16;
        let side = SIDE as u64;
        let centre = [self.between(reach, side - reach), self.between(reach, side - reach)];
        Item::Shape { shape, centre }
    }

    /// Three to five shapes in different ninths of the drawing.
    fn separate_shapes(&mut self) -> Vec<Item> {
        let mut ninths: Vec<u64> = (0..9).collect();
        self.random.shuffle(&mut ninths);
        let count = self.between(3, 5);
        let ninths = ninths.into_iter().take(usize::from(count));
        let items = ninths.map(|ninth| {
            let shape = self.shape(36, 56);
            let mut along = |ninth: u64| self.between(85 + 171 * ninth - 5, 85 + 171 * ninth + 5);
            let centre = [along(ninth % 3), along(ninth / 3)];
            Item::Shape { shape, centre }
        });
        items.collect()
    }

    /// One shape several times at equal distances.
    fn repetition(&mut self) -> Item {
        let arrangement = [Arrangement::Row, Arrangement::Column, Arrangement::Grid]
            [self.random.below(3) as usize];
        let count = match arrangement {
            Arrangement::Grid => u64::from(self.between(2, 3)),
            Arrangement::Row | Arrangement::Column => u64::from(self.between(3, 5)),
        };
        let side = SIDE as u64;
        let distance = side / count;
        // Corners of a square of this size stay in its part of the drawing.
        let shape = self.shape(distance / 4, distance * 2 / 5);
        let along = |index: u64| (distance * index + distance / 2) as u16;
        let across = match arrangement {
            Arrangement::Grid => 0,
            _ => self.between(120, side - 120),
        };
        let centres = match arrangement {
            Arrangement::Row => (0..count).map(|index| [along(index), across]).collect(),
            Arrangement::Column => (0..count).map(|index| [across, along(index)]).collect(),
            Arrangement::Grid => (0..count * count)
                .map(|index| [along(index % count), along(index / count)])
                .collect(),
        };
        Item::Repetition { shape, centres, arrangement }
    }

    /// Two shapes of which one lies partly on the other, and two or three of: a line, a curve, copies.
    fn composition(&mut self) -> Vec<Item> {
        let lower = self.shape(80, 120);
        let upper = self.shape(60, 100);
        let centre = [self.between(180, 332), self.between(180, 332)];
        let mut beside = |middle: u16| {
            let shift = self.between(40, 90);
            if self.random.below(2) == 0 { middle - shift } else { middle + shift }
        };
        let other = [beside(centre[0]), beside(centre[1])];
        let mut items =
            vec![Item::Shape { shape: lower, centre }, Item::Shape { shape: upper, centre: other }];
        let left_out = self.random.below(4);
        if left_out != 0 {
            items.push(self.line());
        }
        if left_out != 1 {
            items.push(self.curve());
        }
        if left_out != 2 {
            items.push(self.uses());
        }
        items
    }

    fn line(&mut self) -> Item {
        let (from, to) = (self.point(), self.point());
        Item::Line { colour: self.colour(), width: self.between(6, 14), from, to }
    }

    fn curve(&mut self) -> Item {
        let (from, control, to) = (self.point(), self.point(), self.point());
        Item::Curve { colour: self.colour(), width: self.between(6, 14), from, control, to }
    }

    fn uses(&mut self) -> Item {
        let shape = self.shape(24, 40);
        let count = self.between(2, 3);
        let centres = (0..count).map(|_| self.point()).collect();
        Item::Uses { shape, centres }
    }
}

/// No point of a shape is farther from its centre.
fn reach(shape: &Shape) -> u64 {
    let size = u64::from(shape.size);
    match shape.form {
        Form::Square | Form::Rectangle => size * 3 / 2,
        _ => size,
    }
}

/// Whether enough of each item can be seen; of copies, enough for all of them; and whether the first two shapes of a hard
/// drawing overlap.
fn is_visible(drawing: &Drawing) -> Result<bool, Failure> {
    let whole = rasterise(&source(drawing))?;
    for item in &drawing.items {
        let (alone, seen) = (alone(drawing, item)?, count(&whole, item.colour()));
        let hidden = alone.saturating_sub(seen);
        // Of copies, half of one may be hidden.
        let copies = match item {
            Item::Uses { centres, .. } | Item::Repetition { centres, .. } => centres.len(),
            _ => 1,
        };
        // Of anything else, half may be hidden: less does not say what it is.
        if seen < LEAST_VISIBLE || hidden > alone / (2 * copies) {
            return Ok(false);
        }
        if let Item::Uses { shape, centres } = item {
            let one = Item::Uses { shape: *shape, centres: centres[..1].to_vec() };
            let one = self::alone(drawing, &one)?;
            // Copies that lie on each other or beyond the border cannot be counted.
            if alone.abs_diff(one * copies) > alone / 50 {
                return Ok(false);
            }
        }
        if let Item::Line { from, to, .. } | Item::Curve { from, to, .. } = item
            && from[0].abs_diff(to[0]).max(from[1].abs_diff(to[1])) < LEAST_EXTENT
        {
            return Ok(false);
        }
    }
    if drawing.tier == Tier::Hard {
        let pair = Drawing { tier: Tier::Hard, items: drawing.items[..2].to_vec() };
        let both = rasterise(&source(&pair))?;
        let lower = &drawing.items[0];
        let hidden = alone(drawing, lower)?.saturating_sub(count(&both, lower.colour()));
        return Ok(hidden >= LEAST_HIDDEN);
    }
    Ok(true)
}

/// Pixels of an item on an empty ground.
fn alone(drawing: &Drawing, item: &Item) -> Result<usize, Failure> {
    let alone = Drawing { tier: drawing.tier, items: vec![item.clone()] };
    Ok(count(&rasterise(&source(&alone))?, item.colour()))
}

fn count(image: &Rgb, colour: Colour) -> usize {
    image.values().chunks_exact(3).filter(|pixel| *pixel == colour.rgb()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::code::summary;
    use std::collections::BTreeSet;

    #[test]
    fn drawings_show_what_their_list_says() {
        let mut kinds = BTreeSet::new();
        for index in 0..60 {
            let drawing = draw(4, index).unwrap();
            assert_eq!(drawing, draw(4, index).unwrap());
            let image = rasterise(&source(&drawing)).unwrap();
            let colours: BTreeSet<_> = drawing.items.iter().map(Item::colour).collect();
            assert_eq!(colours.len(), drawing.items.len(), "a colour comes twice");
            for colour in Colour::ALL {
                let seen = count(&image, colour);
                assert_eq!(seen > 0, colours.contains(&colour), "{drawing:?}");
                assert!(seen == 0 || seen >= LEAST_VISIBLE);
            }
            assert!(summary(&drawing).split_whitespace().count() <= 60, "{}", summary(&drawing));
            kinds.extend(drawing.items.iter().map(|item| {
                let text = serde_json::to_value(item).unwrap();
                (format!("{:?}", drawing.tier), text["kind"].as_str().unwrap().to_owned())
            }));
        }
        let kinds: Vec<_> = kinds.iter().map(|(tier, kind)| (&**tier, &**kind)).collect();
        assert_eq!(
            kinds,
            [
                ("Easy", "shape"),
                ("Hard", "curve"),
                ("Hard", "line"),
                ("Hard", "shape"),
                ("Hard", "uses"),
                ("Medium", "repetition"),
                ("Medium", "shape"),
            ]
        );
    }

    /// Areas by formula; the anti-aliased rim, about the circumference, has other colours.
    #[test]
    fn areas_are_those_of_the_shapes() {
        let size = 100.0_f64;
        for (form, area, rim) in [
            (Form::Circle, std::f64::consts::PI * size * size, 700.0),
            (Form::Square, 4.0 * size * size, 0.5),
            (Form::Rectangle, 4.0 * size * 60.0, 0.5),
            (Form::Diamond, 2.0 * size * size, 600.0),
            (Form::Hexagon, 1.5 * 3.0_f64.sqrt() * size * size, 700.0),
            (Form::Triangle, 0.75 * 3.0_f64.sqrt() * size * size, 700.0),
        ] {
            let shape = Shape { form, colour: Colour::Blue, size: 100 };
            let item = Item::Shape { shape, centre: [256, 256] };
            let drawing = Drawing { tier: Tier::Easy, items: vec![item] };
            let image = rasterise(&source(&drawing)).unwrap();
            let seen = count(&image, Colour::Blue) as f64;
            assert!(seen <= area + 0.5 && seen >= area - rim, "{form:?}: {seen} of {area}");
        }
    }

    #[test]
    fn a_changed_drawing_differs_in_one_colour() {
        for index in 0..9 {
            let drawing = draw(1, index).unwrap();
            let mut random = Stream::new(0, "change", index);
            let (changed, at) = change_colour(&drawing, &mut random).unwrap();
            for (number, (old, new)) in drawing.items.iter().zip(&changed.items).enumerate() {
                assert_eq!(old == new, number != at);
            }
        }
    }
}
