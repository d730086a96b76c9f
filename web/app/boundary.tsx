import { Component, type ComponentChildren } from 'preact'

/** Shows an error in place of a page that fails to render; the rest of the dashboard keeps working. */
export class Boundary extends Component<{ children: ComponentChildren }, { readonly failed: boolean }> {
  override state = { failed: false }

  static override getDerivedStateFromError(): { readonly failed: boolean } {
    return { failed: true }
  }

  override render() {
    if (!this.state.failed) return this.props.children
    return (
      <div class="note bad" role="alert">
        <p>Something went wrong on this page.</p>
        <p class="small row">
          <button type="button" class="link" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
      </div>
    )
  }
}
