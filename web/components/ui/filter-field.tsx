/** The one filter of a list; `/` goes to it. */
export function FilterField({
  of,
  value,
  placeholder,
  change,
}: {
  /** What is filtered. */
  of: string
  value: string
  placeholder: string
  change: (value: string) => void
}) {
  return (
    <form role="search" aria-label={of} onSubmit={(event) => event.preventDefault()}>
      <label>
        <span class="visually-hidden">Filter</span>
        <input
          type="search"
          value={value}
          placeholder={placeholder}
          onInput={({ currentTarget }) => change(currentTarget.value)}
        />
      </label>
    </form>
  )
}

/** Rows up to which nobody needs a filter. */
export const FEW_ROWS = 8
