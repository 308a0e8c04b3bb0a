//! `torchvision.transforms.functional.adjust_hue`: Pillow's 8-bit HSV there and back, with the hue turned in between.
//!
//! The colour space is that of Smith 1978 as Python's `colorsys` describes it, each number in units of 1/255. The precision
//! of every step shows in the bytes; golden files of all 16,777,216 colours, there and back, confirm it.

use super::scalars::Turns;
use crate::images::raster::Rgb;

/// Steps of a full turn, as both torchvision and Pillow scale it. The byte itself wraps at 256, so that turns do not add up.
const STEPS: f64 = 255.0;

/// Turns the hue of every pixel.
///
/// A turn is cut off to 1/255; with less than that, and with 0, the pixels still go to HSV and back, which changes some.
#[must_use]
pub fn adjust_hue(image: Rgb, turns: Turns) -> Rgb {
    // -127 to 127, and its two's complement.
    let steps = (turns.get() * STEPS) as i32 as u8;
    image.mapped_pixels(|pixel| {
        let [hue, saturation, value] = to_hsv(pixel);
        from_hsv([hue.wrapping_add(steps), saturation, value])
    })
}

/// Hue, saturation and value of a colour, as Pillow's `convert("HSV")` gives them.
#[must_use]
pub fn to_hsv(pixel: [u8; 3]) -> [u8; 3] {
    let value = pixel.into_iter().fold(0, u8::max);
    let least = pixel.into_iter().fold(u8::MAX, u8::min);
    if value == least {
        return [0, 0, value];
    }
    let chroma = f32::from(value - least);
    let saturation = chroma / f32::from(value);
    let [red, green, blue] = pixel.map(|channel| f32::from(value - channel) / chroma);
    // In sixths of a turn, from the primary colour that is largest; the sums are f64 and rounded to f32.
    let sixths = if pixel[0] == value {
        blue - green
    } else if pixel[1] == value {
        (2.0 + f64::from(red) - f64::from(blue)) as f32
    } else {
        (4.0 + f64::from(green) - f64::from(red)) as f32
    };
    let hue = ((f64::from(sixths) / 6.0 + 1.0) % 1.0) as f32;
    [(f64::from(hue) * STEPS) as u8, (f64::from(saturation) * STEPS) as u8, value]
}

/// Red, green and blue of 8-bit hue, saturation and value, as Pillow's `convert("RGB")` gives them.
#[must_use]
pub fn from_hsv([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let sixths = f64::from(hue) * 6.0 / STEPS;
    let sector = sixths.floor();
    let within = f64::from((sixths - sector) as f32);
    let saturation = f64::from(f32::from(saturation) / STEPS as f32);
    let scaled = |part: f64| (f64::from(value) * part).round() as u8;
    let least = scaled(1.0 - saturation);
    let falling = scaled(1.0 - saturation * within);
    let rising = scaled(1.0 - saturation * (1.0 - within));
    match sector as u8 % 6 {
        0 => [value, rising, least],
        1 => [falling, value, least],
        2 => [least, value, rising],
        3 => [least, falling, value],
        4 => [rising, least, value],
        _ => [value, least, falling],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primary_colours_have_the_textbook_hues() {
        assert_eq!(to_hsv([255, 0, 0]), [0, 255, 255]);
        assert_eq!(to_hsv([0, 255, 0]), [85, 255, 255]);
        assert_eq!(to_hsv([0, 0, 255]), [170, 255, 255]);
        assert_eq!(to_hsv([7, 7, 7]), [0, 0, 7]);
    }

    #[test]
    fn greys_stay() {
        let greys = Rgb::new(256, 1, (0..=255_u8).flat_map(|grey| [grey; 3]).collect()).unwrap();
        for turns in [-0.5, 0.25, 0.5] {
            assert_eq!(adjust_hue(greys.clone(), Turns::new(turns).unwrap()), greys);
        }
    }

    #[test]
    fn bytes_wrap_so_that_two_halves_are_no_full_turn() {
        // 127 + 127 = 254 of 256 steps.
        let half = Turns::new(0.5).unwrap();
        let red = Rgb::new(1, 1, vec![255, 0, 0]).unwrap();
        let [hue, _, _] = to_hsv([0, 255, 252]);
        assert_eq!(adjust_hue(red, half).values(), from_hsv([127, 255, 255]));
        assert_eq!(hue, 127);
    }
}
