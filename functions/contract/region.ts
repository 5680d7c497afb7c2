/** The code of an AWS region, in any partition. Says nothing of whether the region exists. */
export const REGION_CODE = /^[a-z]{2,4}(-[a-z]+){1,2}-\d{1,2}$/;
