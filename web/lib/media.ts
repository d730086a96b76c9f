import { useEffect, useState } from 'preact/hooks'

/** A phone: the width up to which styles.css lays pages out for one hand. */
export const NARROW = '(max-width: 640px)'

/** Whether a media query matches now. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const update = (): void => setMatches(list.matches)
    update()
    list.addEventListener('change', update)
    return () => list.removeEventListener('change', update)
  }, [query])
  return matches
}
