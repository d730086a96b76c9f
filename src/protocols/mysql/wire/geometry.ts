/**
 * The coordinates of a shape as servers send it: the number of its reference system, then well-known binary of either byte order. Undefined
 * if it is not a valid shape. Spec: MySQL manual, "Internal Geometry Storage Format"; OpenGIS, Well-Known Binary.
 */
export function coordinatesOf(value: Buffer): readonly number[] | undefined {
  const found: number[] = []
  const end = shape(value, SRID, found, 0)
  return end === value.length ? found : undefined
}

/** The end of the shape that begins at `at`; undefined if it is not valid. */
function shape(bytes: Buffer, at: number, found: number[], depth: number): number | undefined {
  if (depth > MAX_DEPTH || at + HEADER > bytes.length) return undefined
  const isLittle = bytes[at] === 1
  if (!isLittle && bytes[at] !== 0) return undefined
  const count = (from: number): number => (isLittle ? bytes.readUInt32LE(from) : bytes.readUInt32BE(from))
  const points = (from: number, many: number): number | undefined => {
    const end = from + many * POINT
    if (end > bytes.length) return undefined
    for (let place = from; place < end; place += 8)
      found.push(isLittle ? bytes.readDoubleLE(place) : bytes.readDoubleBE(place))
    return end
  }
  const many = (from: number, next: (place: number) => number | undefined): number | undefined => {
    if (from + 4 > bytes.length) return undefined
    let place: number | undefined = from + 4
    for (let left = count(from); left > 0 && place !== undefined; left--) place = next(place)
    return place
  }
  const line = (from: number): number | undefined => {
    return from + 4 > bytes.length ? undefined : points(from + 4, count(from))
  }
  switch (count(at + 1)) {
    case 1:
      return points(at + HEADER, 1)
    case 2:
      return line(at + HEADER)
    case 3:
      return many(at + HEADER, line)
    case 4:
    case 5:
    case 6:
    case 7:
      return many(at + HEADER, (place) => shape(bytes, place, found, depth + 1))
    default:
      return undefined
  }
}

const SRID = 4
/** The byte order and the type. */
const HEADER = 5
/** Two numbers. */
const POINT = 16
/** The nesting of collections; real ones are not nested as deeply. */
const MAX_DEPTH = 50
