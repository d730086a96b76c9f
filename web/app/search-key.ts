import { useEffect } from 'preact/hooks'

/** `/` moves to the search of the page, which it opens where it is folded. */
export function useSearchKey(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const { target, key } = event
      if (key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      if (
        target instanceof HTMLElement &&
        (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
      )
        return
      // What a dialog covers is not for the keyboard.
      if (document.querySelector('dialog[open]') !== null) return
      const field = document.querySelector<HTMLElement>('main [role="search"] input, main input[type="search"]')
      const folded = field?.closest('details')
      if (folded !== null && folded !== undefined) folded.open = true
      if (field === null) return
      event.preventDefault()
      field.focus()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
}
