import { post, type HttpOptions } from '../shared/http-post.ts'
import type { Destination, Format } from './destination.ts'

/** A POST of lines of JSON; any 2xx says that they are there. */
export const toHttps = (options: HttpOptions, format: Format): Destination => ({
  async send(records) {
    await post(options, 'application/x-ndjson', records.map((record) => `${format(record)}\n`).join(''))
  },
  close() {},
})
