import { fromEnv } from '@aws-sdk/credential-providers';

/**
 * The default credentials of every SDK client in a bundle: Lambda puts a role's credentials into the environment, and
 * has no profiles, no single sign-on and no instance role to search.
 */
export const defaultProvider = () => fromEnv();
