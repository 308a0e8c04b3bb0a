//! Names beside points: placed where they cover nothing, or left out.

use super::panel::{MARKER, WIDER_FONT};
use super::scene::{Ink, Rect, Scene, Text};
use super::typeface::Typeface;

const SIZE: f64 = 9.8;
/// Distances from the point that are tried, nearest first.
const DISTANCES: [f64; 5] = [3.0, 9.0, 17.0, 27.0, 38.0];
/// From a distance of this size on, a thin line leads from the point to its name.
const LEADER_FROM: f64 = 5.0;
/// Where the name's middle stands, as shares of its half width and half height; the easiest to read come first.
const PLACES: [[f64; 2]; 12] = [
    [1.0, 0.0],
    [-1.0, 0.0],
    [0.0, -1.0],
    [0.0, 1.0],
    [0.5, -1.0],
    [0.5, 1.0],
    [-0.5, -1.0],
    [-0.5, 1.0],
    [0.9, -1.0],
    [0.9, 1.0],
    [-0.9, -1.0],
    [-0.9, 1.0],
];

/// What names must not cover.
pub(super) struct Obstacles {
    /// Names stay inside.
    pub(super) plot: Rect,
    /// Boxes and names that stand already.
    pub(super) taken: Vec<Rect>,
    /// Markers.
    pub(super) points: Vec<[f64; 2]>,
    /// The regression line.
    pub(super) trend: Option<[[f64; 2]; 2]>,
}

/// A name with its place.
pub(super) struct Label {
    name: String,
    area: Rect,
    /// A thin line to the point where the name stands apart from it.
    leader: Option<[[f64; 2]; 2]>,
}

/// Finds the first free place for `name` near `point` and takes it; `None` if there is none.
pub(super) fn place(
    obstacles: &mut Obstacles,
    point: [f64; 2],
    name: &str,
    typeface: &Typeface,
) -> Option<Label> {
    let size = [typeface.width(name, SIZE) * WIDER_FONT + 2.0, SIZE * 1.2];
    let candidates =
        DISTANCES.iter().flat_map(|&distance| PLACES.iter().map(move |&place| (distance, place)));
    let mut free = candidates.filter_map(|(distance, place)| {
        let area = area(point, size, distance, place);
        let leader = (distance >= LEADER_FROM).then(|| leader(point, &area));
        let clear = match leader {
            Some(leader) => !obstacles.leader_crosses(leader),
            None => !obstacles.misleads(&area, point),
        };
        (obstacles.allow(&area) && clear).then_some((area, leader))
    });
    let (area, leader) = free.next()?;
    obstacles.taken.push(area);
    Some(Label { name: name.to_owned(), area, leader })
}

/// From the marker's edge to the nearest edge of the name.
fn leader(point: [f64; 2], area: &Rect) -> [[f64; 2]; 2] {
    let end = [point[0].clamp(area.left, area.right), point[1].clamp(area.top, area.bottom)];
    let (dx, dy) = (end[0] - point[0], end[1] - point[1]);
    let share = (MARKER + 1.8) / dx.hypot(dy).max(MARKER + 1.8);
    [[point[0] + share * dx, point[1] + share * dy], end]
}

/// Draws a placed name.
pub(super) fn draw(scene: &mut Scene, label: &Label) {
    if let Some([from, to]) = label.leader {
        scene.line(from, to, 0.7, Ink::Muted);
    }
    let at = [label.area.left + 1.0, label.area.bottom - SIZE * 0.3];
    scene.text(Text::new(label.name.clone(), at, SIZE));
}

fn area(
    [x, y]: [f64; 2],
    [width, height]: [f64; 2],
    distance: f64,
    [along, down]: [f64; 2],
) -> Rect {
    let reach = MARKER + distance;
    // Beside the point the name keeps its distance sideways, above and below it keeps it in height.
    let middle = if down == 0.0 {
        [x + along * (reach + width / 2.0), y]
    } else {
        [x + along * width / 2.0, y + down * (reach + height / 2.0)]
    };
    Rect {
        left: middle[0] - width / 2.0,
        top: middle[1] - height / 2.0,
        right: middle[0] + width / 2.0,
        bottom: middle[1] + height / 2.0,
    }
}

impl Obstacles {
    fn allow(&self, area: &Rect) -> bool {
        self.plot.grown(-2.0).contains(area)
            && !self.taken.iter().any(|taken| taken.grown(2.0).overlaps(area))
            && !self.points.iter().any(|&point| Rect::around(point, MARKER + 0.5).overlaps(area))
            && !self.trend_crosses(area)
    }

    /// Whether a leader touches the regression line, a name, a box or a marker other than its own, at which it starts.
    fn leader_crosses(&self, [from, to]: [[f64; 2]; 2]) -> bool {
        const STEPS: u32 = 12;
        let mut at = from;
        (1..STEPS).any(|step| {
            let share = f64::from(step) / f64::from(STEPS);
            let last = at;
            at = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
            let passed = Rect::between(last, at).grown(0.5);
            self.points.iter().any(|&point| gap(point, &passed) < MARKER + 0.9)
                || self.taken.iter().any(|taken| taken.overlaps(&passed))
                || self.trend_crosses(&passed)
        })
    }

    /// Whether another marker is nearer to a name than its own marker, so that it would be read as the other's.
    fn misleads(&self, area: &Rect, own: [f64; 2]) -> bool {
        self.points.iter().any(|&point| point != own && gap(point, area) < gap(own, area) + 1.5)
    }

    fn trend_crosses(&self, area: &Rect) -> bool {
        let Some([[x0, y0], [x1, y1]]) = self.trend else {
            return false;
        };
        // The line is straight and never vertical: compare it with the area at both ends of their common span.
        let (left, right) = (area.left.max(x0), area.right.min(x1));
        if left >= right {
            return false;
        }
        let y = |x: f64| y0 + (y1 - y0) * (x - x0) / (x1 - x0);
        let (a, b) = (y(left), y(right));
        a.min(b) < area.bottom && a.max(b) > area.top
    }
}

/// Distance from a point to the nearest edge of an area; 0 inside.
fn gap([x, y]: [f64; 2], area: &Rect) -> f64 {
    (x - x.clamp(area.left, area.right)).hypot(y - y.clamp(area.top, area.bottom))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacles(points: Vec<[f64; 2]>) -> Obstacles {
        let plot = Rect { left: 0.0, top: 0.0, right: 200.0, bottom: 200.0 };
        Obstacles { plot, taken: Vec::new(), points, trend: Some([[0.0, 0.0], [200.0, 200.0]]) }
    }

    #[test]
    fn names_of_close_points_do_not_cover_each_other_or_points() {
        let points: Vec<_> =
            (0..6).map(|i| [60.0 + 16.0 * f64::from(i), 30.0 + 3.0 * f64::from(i)]).collect();
        let typeface = Typeface::bundled().unwrap();
        let mut obstacles = obstacles(points.clone());
        let placed: Vec<_> = points
            .iter()
            .filter_map(|&point| place(&mut obstacles, point, "encoder", &typeface))
            .collect();
        assert!(placed.len() >= 4);
        for (index, label) in placed.iter().enumerate() {
            assert!(placed.iter().skip(index + 1).all(|other| !label.area.overlaps(&other.area)));
            assert!(points.iter().all(|&point| !label.area.overlaps(&Rect::around(point, MARKER))));
            assert!(obstacles.plot.contains(&label.area));
        }
    }

    #[test]
    fn a_name_without_room_is_left_out() {
        let mut obstacles = obstacles(vec![[100.0, 100.0]]);
        let long = "a name that is much longer than the panel is wide, so that it fits nowhere";
        assert!(
            place(&mut obstacles, [100.0, 100.0], long, &Typeface::bundled().unwrap()).is_none()
        );
    }
}
