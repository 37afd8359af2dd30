namespace Claims.Policy;

public static class PolicyLoader
{
}
