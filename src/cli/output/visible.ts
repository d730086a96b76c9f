/**
 * Text from elsewhere, safe to show in a terminal and honest to read: control characters (which could move the
 * cursor or recolour what was shown) and characters that are invisible or turn the direction are spelled out.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

// C0 but tab and newline, DEL and C1; soft hyphen; zero-width and direction marks; line separators; variation
// selectors; tags; interlinear marks; byte order mark.
/* oxlint-disable no-control-regex, no-misleading-character-class */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu
