// What somebody chose in a page that came from the server, before its scripts took it over.

/** Of the select element with this id; undefined where there is none yet, or it stands as it came. */
export function chosenBefore(id: string): string | undefined {
  if (typeof document === 'undefined') return undefined
  const select = document.getElementById(id)
  if (!(select instanceof HTMLSelectElement)) return undefined
  const options = [...select.options]
  const asItCame = options.find(({ defaultSelected }) => defaultSelected) ?? options[0]
  const [chosen] = select.selectedOptions
  return chosen === asItCame ? undefined : chosen?.value
}
