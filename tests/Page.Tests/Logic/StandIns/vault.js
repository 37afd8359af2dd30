// Sealed is what carries its key's and its name's mark.

export const importKey = async (base64) => `key of ${base64}`;

export const seal = async (key, name, value) => ({ key, name, value: structuredClone(value) });

export async function open(key, name, sealed) {
  if (sealed.key !== key || sealed.name !== name) throw new Error('sealed under another key or name');
  return structuredClone(sealed.value);
}
