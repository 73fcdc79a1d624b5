/** One tag of an image, put and taken. Source: glance/api/v2/image_tags.py */
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { validate } from '../../http/schema-versions.ts'
import { tagNotFound, tooMany } from '../errors.ts'
import { authorizeOn } from '../images/access.ts'
import { visibleImage } from '../images/images.ts'
import { ImageBody } from '../images/schemas.ts'
import { rewrite } from '../images/store.ts'
import type { ImageSettings } from '../settings.ts'

export interface TagRules {
  /** Putting it twice changes nothing. */
  put(caller: Caller, imageId: string, tag: string): Promise<void>
  remove(caller: Caller, imageId: string, tag: string): Promise<void>
}

export function tagRules({ db, settings }: { db: Database; settings: ImageSettings }): TagRules {
  return {
    async put(caller, imageId, tag) {
      validate(0, ImageBody, { tags: [tag] })
      await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, imageId, 'lock')
        authorizeOn('modify_image', caller, image)
        const tags = [...new Set([...image.tags, tag])]
        if (tags.length > settings.tagsPerImage) throw tooMany('tags', tags.length, settings.tagsPerImage)
        await rewrite(tx, image.id, { ...image, tags })
      })
    },

    async remove(caller, imageId, tag) {
      await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, imageId, 'lock')
        authorizeOn('modify_image', caller, image)
        if (!image.tags.includes(tag)) throw tagNotFound()
        await rewrite(tx, image.id, { ...image, tags: image.tags.filter((each) => each !== tag) })
      })
    },
  }
}
