/** The item at an index that is in the list. Throws where it is not: a mistake of ours, which must not be taken for a value. */
export function item<T>(list: ArrayLike<T>, index: number): T {
  const found = list[index]
  if (found === undefined) throw new RangeError(`no item ${index} in a list of ${list.length}`)
  return found
}

/** The last item of a list that is not empty. */
export const lastItem = <T>(list: ArrayLike<T>): T => item(list, list.length - 1)
