/** An image that is not taken, with the reason in words that may be shown to who sent it. */
export class ImageRefused extends Error {
  override readonly name = 'ImageRefused'
}
