import { useEffect } from 'preact/hooks'

/** Keyboard navigation: moves between cards and starts a decision. The second step is the card's own form. */
export function useCardKeys(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return
      const cards = [...document.querySelectorAll<HTMLElement>('[data-card]')]
      const at = cards.findIndex((card) => card.contains(document.activeElement))
      switch (event.key) {
        case 'j':
          cards[Math.min(at + 1, cards.length - 1)]?.focus()
          break
        case 'k':
          cards[Math.max(at - 1, 0)]?.focus()
          break
        case 'a':
        case 'd':
          // Only on the focused card, so that a stray key decides nothing.
          cards[at]?.querySelector<HTMLElement>(`[data-key="${event.key}"]`)?.click()
          break
        default:
          return
      }
      event.preventDefault()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
}
