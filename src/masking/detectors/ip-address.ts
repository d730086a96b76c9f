import { isIP } from 'node:net'
import type { Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/** IPv4 addresses in four parts and IPv6 addresses (RFC 4291). A version number of four parts looks the same, and is hidden, too. */
export const ipAddress: Detector = {
  find: (text) => spansOf(text, ADDRESS, ([found]) => isIP(found) !== 0),
  partial: (value) => (value.includes(':') ? `${value.split(':')[0]}:****` : `${value.split('.')[0]}.*.*.*`),
}

const ADDRESS =
  /(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|(?:[0-9a-fA-F]{1,4}:|::)(?:[0-9a-fA-F]{0,4}:){0,6}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}))(?![\w:])/g
