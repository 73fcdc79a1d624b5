/**
 * SASLprep (RFC 4013), a profile of stringprep (RFC 3454): two spellings of one password become the same bytes.
 *
 * The RFCs mean Unicode 3.2. Here its tables of what is mapped, prohibited and written from right to left stand in
 * full; normalization, "unassigned" and "written from left to right" are those of the Unicode that Node has. So a
 * character that came after 3.2, such as an emoji, is let through where the letter of the RFC refuses it.
 */
import { requestError } from '../errors.ts'

/** Tables C.1.2 and B.1; U+200B stands in both and becomes a space. */
const spaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu
const nothing = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu

/** Tables C.2 to C.9: control, private, no character, surrogate, no plain text, no canonical form, tag. */
const prohibited = new RegExp(
  [
    '[\\u00a0\\u1680\\u2000-\\u200b\\u202f\\u205f\\u3000]',
    '[\\u0000-\\u001f\\u007f-\\u009f\\u06dd\\u070f\\u180e\\u200c\\u200d\\u2028\\u2029\\u2060-\\u2063\\u206a-\\u206f]',
    '[\\ufeff\\ufff9-\\ufffd\\u{1d173}-\\u{1d17a}]',
    '[\\p{Co}\\p{Cs}\\p{Noncharacter_Code_Point}]',
    '[\\u2ff0-\\u2ffb\\u0340\\u0341\\u200e\\u200f\\u202a-\\u202e\\u{e0001}\\u{e0020}-\\u{e007f}]',
  ].join('|'),
  'u',
)
const unassignedCharacter = /\p{Cn}/u

/** Table D.1. */
const rightToLeft =
  /[\u05be\u05c0\u05c3\u05d0-\u05ea\u05f0-\u05f4\u061b\u061f\u0621-\u063a\u0640-\u064a\u066d-\u066f\u0671-\u06d5\u06dd\u06e5\u06e6\u06fa-\u06fe\u0700-\u070d\u0710\u0712-\u072c\u0780-\u07a5\u07b1\u200f\ufb1d\ufb1f-\ufb28\ufb2a-\ufb36\ufb38-\ufb3c\ufb3e\ufb40\ufb41\ufb43\ufb44\ufb46-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdfc\ufe70-\ufe74\ufe76-\ufefc]/u
/** Letters and what counts as one, for table D.2. */
const letter = /[\p{L}\p{Nl}\p{Mc}]/u

/**
 * what: the word for errors, which never show the text itself.
 * @throws LibvirtError of origin `request` when the text holds what SASLprep prohibits, or mixes directions of writing
 */
export function saslPrep(text: string, what: string, { unassigned = false } = {}): string {
  const prepared = text.replace(spaces, ' ').replace(nothing, '').normalize('NFKC')
  const refuse = (why: string) => requestError(`the ${what} ${why}, which SASLprep does not allow`)
  if (prohibited.test(prepared)) throw refuse('holds a character without a fixed form, such as a control character')
  if (!unassigned && unassignedCharacter.test(prepared)) throw refuse('holds a character that Unicode does not have')
  const characters = [...prepared]
  if (characters.some((character) => rightToLeft.test(character))) {
    const ends = [characters[0] as string, characters.at(-1) as string]
    const mixed = characters.some((character) => letter.test(character) && !rightToLeft.test(character))
    if (mixed || !ends.every((character) => rightToLeft.test(character)))
      throw refuse('is written from right to left only in part')
  }
  return prepared
}
