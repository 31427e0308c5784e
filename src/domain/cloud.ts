/** One of Azure's clouds. Each is separate, with its own endpoints and sign-ins. */
export interface Cloud {
  /** URL of Resource Manager. */
  readonly resourceManager: string;
  /** The scope of a token for Resource Manager. */
  readonly scope: string;
  /** URL where people and services sign in. */
  readonly authority: string;
  /** The scope of certificates for signing in to Linux VMs. */
  readonly linuxLogin: string;
}

/** By the names that `az cloud list` gives them. */
export const CLOUDS = {
  AzureCloud: {
    resourceManager: 'https://management.azure.com',
    scope: 'https://management.azure.com/.default',
    authority: 'https://login.microsoftonline.com',
    linuxLogin: 'https://pas.windows.net/CheckMyAccess/Linux/.default',
  },
  AzureUSGovernment: {
    resourceManager: 'https://management.usgovcloudapi.net',
    scope: 'https://management.usgovcloudapi.net/.default',
    authority: 'https://login.microsoftonline.us',
    linuxLogin: 'https://pasff.usgovcloudapi.net/CheckMyAccess/Linux/.default',
  },
  AzureChinaCloud: {
    resourceManager: 'https://management.chinacloudapi.cn',
    scope: 'https://management.chinacloudapi.cn/.default',
    authority: 'https://login.chinacloudapi.cn',
    linuxLogin: 'https://pas.chinacloudapi.cn/CheckMyAccess/Linux/.default',
  },
} as const satisfies Readonly<Record<string, Cloud>>;

export type CloudName = keyof typeof CLOUDS;

/** A cloud by its name, ignoring case. */
export function cloudNamed(name: string): CloudName | undefined {
  return (Object.keys(CLOUDS) as CloudName[]).find((one) => one.toLowerCase() === name.toLowerCase());
}

/** The cloud whose Resource Manager this is; undefined for a private or local one. */
export function cloudAt(resourceManager: string): CloudName | undefined {
  const wanted = new URL(resourceManager).origin;
  return (Object.keys(CLOUDS) as CloudName[]).find((one) => new URL(CLOUDS[one].resourceManager).origin === wanted);
}

/** Where to reach Azure: the cloud that is named, else that of the endpoint, else the one that `az` uses, else the public one. */
export function azurePlace({ named, resourceManager, active }: PlaceSettings): Cloud & { readonly name: CloudName } {
  const name =
    named ?? (resourceManager === undefined ? undefined : cloudAt(resourceManager)) ?? active ?? 'AzureCloud';
  return { name, ...CLOUDS[name], ...(resourceManager === undefined ? {} : { resourceManager }) };
}

export interface PlaceSettings {
  readonly named: CloudName | undefined;
  readonly resourceManager: string | undefined;
  readonly active: CloudName | undefined;
}
